"""Which of FFmpeg's demuxers and decoders may read callers' bytes, and why not the others.

A demuxer is open to callers if it reads one file that describes itself and opens no other; a decoder, if it
decodes sound. FFmpeg would otherwise decode pictures and subtitles while it searches for a file's parameters.
`tests/unit/audio/test_formats.py` checks that one of these tables has each demuxer of the installed FFmpeg,
so that a newer FFmpeg opens nothing by default.
"""

CONTAINERS = (
    # What people send.
    "wav", "mp3", "mov", "aac", "flac", "ogg", "matroska", "amr", "aiff", "au", "caf", "avi", "asf",
    "flv", "mpegts", "mpeg", "w64", "ac3", "eac3", "loas", "ape", "wv", "tta", "mpc", "mpc8", "dsf",
    "dts", "sbc",
    # Broadcast, television and disks.
    "mxf", "gxf", "wtv", "dv", "nut", "nsv", "pva", "kux", "truehd", "mlp", "dtshd", "spdif", "dhav",
    # Telephony, dictation, recorders and phonetics.
    "gsm", "nistsphere", "voc", "sox", "ircam", "rm", "ivr", "iff", "dss", "qcp", "ilbc", "act", "oma",
    "aea", "mmf", "wve", "pvf", "avr", "paf",
    # Music.
    "tak", "shn", "xwma", "vqf",
)  # fmt: skip
"""The demuxers that a caller's bytes may reach."""

REFUSED = {
    "follows references to other files, or speaks to the network": (
        "concat", "dash", "hls", "imf", "webm_dash_manifest", "image2", "image2pipe", "lavfi", "rtp",
        "rtsp", "sap", "sdp", "mpegtsraw", "mlv",
    ),
    "is a device of the machine": (
        "alsa", "fbdev", "kmsgrab", "oss", "video4linux2", "v4l2", "x11grab",
    ),
    "is samples or packets without a header: `encoding` tells how they are to be read": (
        "alaw", "mulaw", "s8", "s16be", "s16le", "s24be", "s24le", "s32be", "s32le", "u8", "u16be",
        "u16le", "u24be", "u24le", "u32be", "u32le", "f32be", "f32le", "f64be", "f64le", "vidc", "sln",
        "amrnb", "amrwb", "g722", "g723_1", "g726", "g726le", "g728", "g729", "aptx", "aptx_hd",
        "codec2raw", "dfpwm", "data", "s337m", "daud", "bit",
    ),
    "holds no sound, or none that this FFmpeg decodes": (
        "3dostr", "ac4", "codec2", "lc3", "aax", "aa", "ass", "aqtitle", "dvbsub", "dvbtxt",
        "ffmetadata", "jacosub", "lrc", "mcc", "microdvd", "mpl2", "mpsub", "pjs", "realtext", "sami",
        "sbg", "scc", "srt", "stl", "subviewer", "subviewer1", "sup", "tedcaptions", "vobsub", "vplayer",
        "webvtt", "rcwt", "tty", "bin", "xbin", "adf", "idf", "fits", "filmstrip", "frm", "gif", "ico",
        "apng", "mjpeg", "mjpeg_2000", "mpjpeg", "smjpeg", "rawvideo", "yuv4mpegpipe", "v210", "v210x",
        "bitpacked", "av1", "obu", "avs2", "avs3", "cavsvideo", "dirac", "dnxhd", "evc", "h261", "h263",
        "h264", "hevc", "apv", "ingenient", "ivf", "m4v", "mpegvideo", "vc1", "vc1test", "vvc", "pdv",
        "photocd_pipe", "jpegxl_anim", "cdg", "cdxl", "cine", "r3d", "ser", "simbiosis_imx", "hnm",
        "sdns", "anm", "tmv", "txd", "brender_pix", "msp", "ifv", "usm", "hxvs", "iv8", "lmlm4", "mtv",
        "ty", "rl2",
    ),
    "belongs to games, game consoles or rare archives: such parsers meet few honest files": (
        "4xm", "ace", "acm", "adp", "ads", "adx", "afc", "aix", "alias_pix", "alp", "apac", "apc", "apm",
        "argo_asf", "argo_brp", "argo_cvg", "ast", "avs", "bethsoftvid", "bfi", "bfstm", "bink", "binka",
        "bmv", "boa", "bonk", "brstm", "c93", "dcstr", "dfa", "derf", "dsicin", "dxa", "ea", "ea_cdata",
        "epaf", "film_cpk", "flic", "fsb", "fwse", "gdv", "genh", "hca", "hcom", "iamf", "idcin",
        "ipmovie", "ipu", "iss", "jv", "kvag", "laf", "live_flv", "luodat", "lvf", "lxf", "mca", "mgsts",
        "mm", "mods", "moflex", "msf", "msnwctcp", "mtaf", "musx", "mv", "mvi", "mxg", "nc", "nsp",
        "nuv", "osq", "pmp", "pp_bnk", "psxstr", "qoa", "redspark", "rka", "roq", "rpl", "rsd", "rso",
        "scd", "sdr2", "sds", "sdx", "sga", "siff", "smk", "smush", "sol", "svag", "svs", "swf", "thp",
        "tiertexseq", "vag", "vividas", "vivo", "vmd", "vpk", "wady", "wavarc", "wc3movie", "wsaud",
        "wsd", "wsvqa", "xa", "xmd", "xmv", "xvag", "yop", "asf_o",
    ),
}  # fmt: skip
"""The other demuxers by the reason. Beside them: all whose names end in `_pipe`, which read pictures."""

DECODERS = (
    # Samples as they are.
    "pcm_alaw", "pcm_bluray", "pcm_dvd", "pcm_f16le", "pcm_f24le", "pcm_f32be", "pcm_f32le", "pcm_f64be",
    "pcm_f64le", "pcm_mulaw", "pcm_s16be", "pcm_s16be_planar", "pcm_s16le", "pcm_s16le_planar",
    "pcm_s24be", "pcm_s24daud", "pcm_s24le", "pcm_s24le_planar", "pcm_s32be", "pcm_s32le",
    "pcm_s32le_planar", "pcm_s64be", "pcm_s64le", "pcm_s8", "pcm_s8_planar", "pcm_u16be", "pcm_u16le",
    "pcm_u24be", "pcm_u24le", "pcm_u32be", "pcm_u32le", "pcm_u8", "pcm_vidc", "s302m", "dvaudio",
    "8svx_exp", "8svx_fib", "sdx2_dpcm", "dsd_lsbf", "dsd_lsbf_planar", "dsd_msbf", "dsd_msbf_planar",
    "dst",
    # In use everywhere.
    "aac", "aac_fixed", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mp3adu",
    "mp3adufloat", "mp3on4", "mp3on4float", "opus", "libopus", "vorbis", "flac", "alac", "ac3",
    "ac3_fixed", "eac3", "dca", "truehd", "mlp", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice",
    "als",
    # Lossless.
    "ape", "wavpack", "tta", "tak", "shorten", "ralf", "mpc7", "mpc8",
    # Speech.
    "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "gsm", "gsm_ms", "g722", "g723_1",
    "g726", "g726le", "g728", "g729", "ilbc", "speex", "evrc", "qcelp", "dss_sp", "nellymoser",
    "truespeech", "msnsiren", "siren", "sipr", "real_144", "real_288", "acelp.kelvin", "sbc",
    "metasound", "twinvq", "comfortnoise",
    # Older ones.
    "adpcm_ct", "adpcm_ima_acorn", "adpcm_ima_amv", "adpcm_ima_dk3", "adpcm_ima_dk4", "adpcm_ima_oki",
    "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_sanyo", "adpcm_sbpro_2", "adpcm_sbpro_3",
    "adpcm_sbpro_4", "adpcm_swf", "adpcm_yamaha", "atrac1", "atrac3", "atrac3al", "atrac3plus",
    "atrac3plusal", "atrac9", "cook", "iac", "imc", "mace3", "mace6", "on2avc", "qdm2", "qdmc",
    "paf_audio", "aptx", "aptx_hd", "xma1", "xma2",
)  # fmt: skip
"""The decoders that a caller's bytes may reach: of sound, and of files in `CONTAINERS`."""
