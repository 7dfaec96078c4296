"""Settings are read from four places, converted, and refused with the fix before anything starts."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ringback.errors import Misconfigured
from ringback.settings import Settings, keys, load, variable


def loaded(environ: Mapping[str, str], config: Path | None = None, **options: object) -> Settings:
    return load(config, options, environ)


def refusal(environ: Mapping[str, str], config: Path | None = None) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(config, environ=environ)
    return str(caught.value)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a ringback.toml, with a home of its own."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return folder


def test_nothing_needs_to_be_set() -> None:
    assert loaded({}) == Settings()


def test_the_names_that_are_a_promise() -> None:
    promised = (
        "DATA_DIR HOST PORT API_KEY MODEL CALLBACK_ALLOW CALLBACK_PORTS CALLBACK_RETRIES "
        "CALLBACK_RETRY_DELAY CALLBACK_CONNECT_TIMEOUT CALLBACK_TIMEOUT"
    )
    names = [variable(key) for key in keys()]
    assert {f"RINGBACK_{name}" for name in promised.split()} <= set(names)
    assert len(set(names)) == len(names)


def test_the_environment_sets_every_kind_of_value() -> None:
    settings = loaded(
        {
            "RINGBACK_PORT": "9000",
            "RINGBACK_CALLBACK_RETRY_DELAY": "0.25",
            "RINGBACK_CALLBACK_ALLOW": "127.0.0.1, 10.0.0.0/8,hooks.internal,fd00::/8",
            "RINGBACK_CALLBACK_PORTS": "443,9443",
            "RINGBACK_ENGINE_QUALITY": "accurate",
            "RINGBACK_ENGINE_WARN_SUBSTITUTION": "true",
            "RINGBACK_MODEL": "",  # empty: not set
            "PATH": "/usr/bin",
        }
    )
    assert (settings.port, settings.callback.retry_delay, settings.model) == (9000, 0.25, "tiny.en")
    assert settings.callback.allow == ("127.0.0.1", "10.0.0.0/8", "hooks.internal", "fd00::/8")
    assert settings.callback.ports == (443, 9443)
    assert settings.engine.quality == "accurate"
    assert settings.engine.warn_substitution is True


def test_any_port_is_written_any() -> None:
    assert loaded({"RINGBACK_CALLBACK_PORTS": "any"}).callback.ports == ()


def test_later_places_win(tmp_path: Path) -> None:
    config = tmp_path / "given.toml"
    config.write_text('port = 1000\nhost = "0.0.0.0"\nmodel = "base"\n[callback]\nports = "any"\n')
    environ = {"RINGBACK_PORT": "2000", "RINGBACK_HOST": "::1"}
    settings = loaded(environ, config, port=3000, host=None)
    assert (settings.port, settings.host, settings.model) == (3000, "::1", "base")
    assert settings.callback.ports == ()


def test_the_file_is_found(tmp_path: Path, elsewhere: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ringback.toml").write_text("port = 1")
    environ = {"RINGBACK_DATA_DIR": str(data)}
    assert loaded(environ).port == 1
    (elsewhere / "ringback.toml").write_text("port = 2")
    assert loaded(environ).port == 2
    (tmp_path / "named.toml").write_text("port = 3")
    assert loaded(environ | {"RINGBACK_CONFIG": str(tmp_path / "named.toml")}).port == 3


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert "No such file" in refusal({}, tmp_path / "missing.toml")


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    config = tmp_path / "ringback.toml"
    config.write_text("port: 8080")
    assert "is not TOML" in refusal({}, config)


def test_a_misspelt_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    config = tmp_path / "ringback.toml"
    config.write_text("prot = 8080\n[callback]\nretrys = 3\n[calback]\nports = [80]\n")
    message = refusal({"RINGBACK_CALLBACK_RETRY": "3"}, config)
    assert "'prot'; did you mean 'port'?" in message
    assert "'callback.retrys'; did you mean 'callback.retries'?" in message
    assert "'calback.ports'; did you mean 'callback.ports'?" in message
    assert "RINGBACK_CALLBACK_RETRY; did you mean 'RINGBACK_CALLBACK_RETRIES'?" in message


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("RINGBACK_ENGINE_WARN_SUBSTITUTION", "perhaps", "must be true or false"),
        ("RINGBACK_PORT", "eighty", "must be a whole number from 0 to 65535"),
        ("RINGBACK_PORT", "65536", "must be a whole number from 0 to 65535"),
        ("RINGBACK_PORT", "tcp://10.0.0.1:80", "enableServiceLinks"),
        ("RINGBACK_CALLBACK_PORTS", "80,0", "from 1 to 65535"),
        ("RINGBACK_CALLBACK_PORTS", "all", "or 'any'"),
        ("RINGBACK_CALLBACK_RETRIES", "-1", "from 0"),
        ("RINGBACK_CALLBACK_TIMEOUT", "0", "above 0"),
        ("RINGBACK_CALLBACK_TIMEOUT", "inf", "above 0 and up to"),
        ("RINGBACK_CALLBACK_RETRY_DELAY", "nan", "must be a number"),
        ("RINGBACK_LOG_FORMAT", "xml", "one of auto, json, text"),
        ("RINGBACK_CALLBACK_ALLOW", "10.0.0.1/8", "write a network such as 10.0.0.0/8"),
        ("RINGBACK_CALLBACK_ALLOW", "http://hooks.internal", "without scheme, port or path"),
        ("RINGBACK_CALLBACK_ALLOW", "hooks.internal:8080", "without scheme, port or path"),
        ("RINGBACK_API_KEY", "two words", "without spaces"),
    ],
)
def test_a_bad_value_is_refused_with_the_fix(name: str, value: str, hint: str) -> None:
    message = refusal({name: value})
    key = next(key for key in keys() if variable(key) == name)
    assert key in message
    assert hint in message
    assert name == "RINGBACK_API_KEY" or value in message


def test_a_wrong_type_in_the_file(tmp_path: Path) -> None:
    config = tmp_path / "ringback.toml"
    config.write_text('port = "8080"\n')
    assert "port = '8080'" in refusal({}, config)


def test_time_limits_must_fit_into_each_other() -> None:
    environ = {"RINGBACK_CALLBACK_CONNECT_TIMEOUT": "20", "RINGBACK_CALLBACK_TIMEOUT": "10"}
    assert "lower callback.connect_timeout or raise callback.timeout" in refusal(environ)


def test_a_default_gives_way_to_what_was_asked_for() -> None:
    assert loaded({"RINGBACK_CALLBACK_TIMEOUT": "0.5"}).callback.connect_timeout == 0.5


def test_all_faults_are_reported_at_once() -> None:
    message = refusal({"RINGBACK_PORT": "x", "RINGBACK_MODLE": "base", "RINGBACK_LOG_LEVEL": "loud"})
    assert len(message.splitlines()) == 3


def test_the_data_folder_is_absolute(tmp_path: Path, elsewhere: Path) -> None:
    assert Settings().data_path == tmp_path / ".local" / "share" / "ringback"
    assert Settings(data_dir="~/calls").data_path == tmp_path / "calls"
    assert Settings(data_dir="calls").data_path == elsewhere / "calls"


CLUSTER = {
    "RINGBACK_DATABASE_URL": "postgresql://ringback:hunter2@db/ringback",
    "RINGBACK_BLOBS_URL": "s3://audio/ringback",
    "RINGBACK_SECRET_KEY": "a long and random text, long enough",
}


def test_a_node_of_a_cluster_does_its_part() -> None:
    settings = loaded(CLUSTER | {"RINGBACK_ROLE": "api, deliver"})
    assert settings.role == ("api", "deliver")
    assert settings.does("api")
    assert settings.does("deliver")
    assert not settings.does("transcribe")
    assert loaded({}).does("transcribe")


@pytest.mark.parametrize("without", CLUSTER)
def test_half_a_cluster_is_refused_with_the_fix(without: str) -> None:
    environ = {name: value for name, value in CLUSTER.items() if name != without}
    assert without in refusal(environ | {"RINGBACK_ROLE": "api"})


def test_a_part_of_the_work_needs_a_shared_ledger() -> None:
    assert "SQLite" in refusal({"RINGBACK_ROLE": "transcribe"})
    assert "names nothing" in refusal({"RINGBACK_ROLE": ","})
    assert "api, transcribe, deliver" in refusal(CLUSTER | {"RINGBACK_ROLE": "worker"})
    assert loaded({"RINGBACK_ROLE": "api,transcribe,deliver"}).does("api")


def test_one_machine_may_keep_its_blobs_in_a_bucket() -> None:
    assert loaded({"RINGBACK_BLOBS_URL": "file:///srv/blobs"}).blobs_url == "file:///srv/blobs"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RINGBACK_DATABASE_URL", "mysql://u:hunter2@db/x"),
        ("RINGBACK_DATABASE_URL", "postgresql://u:hunter2@db"),
        ("RINGBACK_BLOBS_URL", "https://u:hunter2@bucket"),
        ("RINGBACK_BLOBS_URL", "s3://key:hunter2@bucket/x"),
        ("RINGBACK_BLOBS_URL", "file://folder"),
    ],
)
def test_an_address_of_another_form_is_refused_and_never_shown(name: str, value: str) -> None:
    said = refusal(CLUSTER | {name: value})
    assert name.removeprefix("RINGBACK_").lower() in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("", None),
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("metrics.internal:1", ("metrics.internal", 1)),
    ],
)
def test_metrics_may_have_an_address_of_their_own(listen: str, address: tuple[str, int] | None) -> None:
    assert load(environ={"RINGBACK_METRICS_LISTEN": listen}).metrics.address == address


@pytest.mark.parametrize("listen", ["9464", ":9464", "127.0.0.1", "::1:9464", "host:0", "h:65536", "a b:1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(Misconfigured, match="host:port"):
        load(environ={"RINGBACK_METRICS_LISTEN": listen})
