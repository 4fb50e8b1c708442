"""Variables of the environment that look like settings of the service and are none."""

import logging
import os
from difflib import get_close_matches

from service.settings import ServiceSettings

logger = logging.getLogger(__name__)

_OF_COMPOSE = frozenset({"CYCLEGAN_USER"})
"""Read by docker-compose.yml alone."""


def warn_of_unknown_variables(settings: type[ServiceSettings]) -> None:
    """Name each that nothing heeds; a limit that is misspelt would otherwise seem to hold.

    No error, since Kubernetes adds some of its own to the pods beside a service called cyclegan.
    """
    prefix = settings.model_config.get("env_prefix", "")
    known = {f"{prefix}{name}".upper() for name in settings.model_fields}
    heeded = known | _OF_COMPOSE
    for name in sorted(os.environ):
        if name.upper().startswith(prefix) and name.upper() not in heeded:
            nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.9)
            meant = f"; is {nearest[0]} meant?" if nearest else ""
            logger.warning("%s is no setting, so it changes nothing%s", name, meant)
