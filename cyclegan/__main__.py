"""The front door: `cyclegan <verb>`. Imports a package only inside the verb that needs it."""

import logging
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import version

from cyclegan.errors import CycleGANError, TrainingFailed, UsageError

USAGE = """\
usage: cyclegan VERB ...

Translate pictures between two domains that nobody has paired.

  train           train on two folders of pictures; again to continue
  distill         teach a small generator what a trained one does
  compare         train several objectives on the same pictures and measure them
  check-data      look for trouble in the folders before training
  draw-data       draw two folders of landscapes, summer and winter, to try things out
  export          write a run's generators as ONNX models
  strengthen      let an exported model change pictures more, or less
  import-weights  make an ONNX model of a generator that the paper's authors published
  evaluate        measure an exported model on held-out pictures
  translate       translate pictures and folders with an exported model
  serve           serve exported models over HTTP

cyclegan VERB --help tells what a verb takes. With --ray, translate and serve work on several
machines; see cyclegan translate --ray --help and cyclegan serve --ray --help.
"""

_ROOMS = ("cyclegan", "evaluation", "training", "service")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; 0 when it did its work, 1 when it did a part, 2 when the user can mend it."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _configure_logging()
    try:
        return _run(words)
    except TrainingFailed as error:
        _complain(str(error))
        return 1
    except CycleGANError as error:
        _complain(str(error))
        return 2
    except PermissionError as error:
        _complain(f"{error.filename} may not be read; give the right to, or another path")
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _ROOMS:
            raise
        sys.stderr.write(f"this verb needs {error.name}; see the extras in pyproject.toml\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130


def _complain(sentence: str) -> None:
    from cyclegan.printable import printable

    sys.stderr.write(f"{printable(sentence)}\n")


def _configure_logging() -> None:
    # Libraries tell much at INFO: the exporter names every node that it merges.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for package in _ROOMS:
        logging.getLogger(package).setLevel(logging.INFO)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"cyclegan {version('cyclegan')}\n")
        return 0
    verb, *rest = words
    match verb:
        case "train":
            from training.train_command import run
        case "distill":
            from training.distill_command import run
        case "compare":
            from training.compare_command import run
        case "check-data":
            from training.check_command import run
        case "draw-data":
            from training.draw_command import run
        case "export":
            from cyclegan.export_command import run
        case "strengthen":
            from cyclegan.strengthen_command import run
        case "import-weights":
            from cyclegan.import_command import run
        case "evaluate":
            from evaluation.evaluate_command import run
        case "translate" if "--ray" in rest:
            from service.ray_translate_command import run
        case "translate":
            from service.translate_command import run
        case "serve" if "--ray" in rest:
            from service.ray_serve_command import run
        case "serve":
            from service.serve_command import run
        case _:
            nearest = get_close_matches(verb, re.findall(r"^  (\S+)", USAGE, re.M), n=1)
            see = f"is {nearest[0]} meant? See" if nearest else "see"
            raise UsageError(f"cyclegan has no verb {verb!r}; {see} cyclegan --help")
    return run(rest)


if __name__ == "__main__":
    sys.exit(main())
