"""The models that can be pulled by name."""

from click.testing import CliRunner

from ringback.cli.model import command
from ringback.engines.known_models import KNOWN_MODELS, known_model
from ringback.engines.transducer_weights import NETWORKS, TOKENS


def test_each_has_a_name_of_its_own_a_size_and_a_licence() -> None:
    names = [model.name for model in KNOWN_MODELS]
    assert len(names) == len(set(names))
    for model in KNOWN_MODELS:
        assert known_model(model.name) is model
        assert model.repository.count("/") == 1
        assert model.megabytes > 0
        assert model.licence
    assert known_model("large-v9") is None


def test_a_transducer_names_its_languages_and_one_file_of_each_part() -> None:
    transducers = [model for model in KNOWN_MODELS if model.kind == "transducer"]
    assert transducers
    for model in transducers:
        assert model.languages
        assert 0 <= model.flush_seconds <= 10
        assert TOKENS in model.files
        for part in NETWORKS:
            assert len([file for file in model.files if file.startswith(part)]) == 1


def test_they_are_listed() -> None:
    listed = CliRunner().invoke(command, ["list", "--known"])
    assert listed.exit_code == 0
    lines = listed.output.splitlines()
    assert [line.split()[0] for line in lines] == [model.name for model in KNOWN_MODELS]
    assert "73 MB  Apache-2.0" in next(line for line in lines if line.startswith("zipformer-en "))
