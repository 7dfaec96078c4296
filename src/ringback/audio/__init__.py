"""Whatever bytes a caller sends → 16 kHz mono speech, in bounded memory, outside the serving process."""
