"""What the client wants as an answer, from its `Accept` header (RFC 9110, section 12.5.1)."""

from collections.abc import Iterable
from math import isnan

from service.errors import NotAcceptable
from service.formats import PictureFormat

# Where a client likes several equally, the first of these it is.
_PREFERENCE = (PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.PNG)


def choose_format(accept: Iterable[str]) -> PictureFormat:
    """Choose what the client likes best; JPEG if it does not say.

    Args:
        accept: The values of all `Accept` headers.

    Raises:
        NotAcceptable: Everything that can be made is refused.
    """
    ranges = dict(_parsed(accept))
    if not ranges:
        return PictureFormat.JPEG
    best = _best(ranges)
    if _weight(best.media_type, ranges) <= 0:
        made = ", ".join(format.media_type for format in _PREFERENCE)
        raise NotAcceptable(f"answers are {made}; none of them is accepted")
    return best


def choose_enclosed_format(accept: Iterable[str]) -> PictureFormat:
    """Choose the format of a picture inside an answer that is none itself; JPEG if none is named.

    Args:
        accept: The values of all `Accept` headers.
    """
    return _best(dict(_parsed(accept)))


def prefers_json(accept: Iterable[str]) -> bool:
    """Say whether the client would rather have JSON than any picture.

    Args:
        accept: The values of all `Accept` headers.
    """
    ranges = dict(_parsed(accept))
    best_picture = _weight(_best(ranges).media_type, ranges)
    return _weight("application/json", ranges) > best_picture


def _best(ranges: dict[str, float]) -> PictureFormat:
    # Of equals it is the first.
    return max(_PREFERENCE, key=lambda format: _weight(format.media_type, ranges))


def _parsed(accept: Iterable[str]) -> Iterable[tuple[str, float]]:
    for member in ",".join(accept).split(","):
        media_range, *parameters = (part.strip().lower() for part in member.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            if media_range and not isnan(float(weight)):
                yield media_range, min(max(float(weight), 0.0), 1.0)
        except ValueError:
            continue  # nobody knows what was meant


def _weight(media_type: str, ranges: dict[str, float]) -> float:
    kind = media_type.partition("/")[0]
    for media_range in (media_type, f"{kind}/*", "*/*"):  # the most specific one counts
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
