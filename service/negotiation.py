"""Which format the client wants, from its `Accept` header (RFC 9110, section 12.5.1)."""

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
    best = max(_PREFERENCE, key=lambda format: _weight(format, ranges))  # the first of equals
    if _weight(best, ranges) <= 0:
        made = ", ".join(format.media_type for format in _PREFERENCE)
        raise NotAcceptable(f"answers are {made}; none of them is accepted")
    return best


def _parsed(accept: Iterable[str]) -> Iterable[tuple[str, float]]:
    for member in ",".join(accept).split(","):
        media_range, *parameters = (part.strip().lower() for part in member.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            if media_range and not isnan(float(weight)):
                yield media_range, min(max(float(weight), 0.0), 1.0)
        except ValueError:
            continue  # nobody knows what was meant


def _weight(format: PictureFormat, ranges: dict[str, float]) -> float:
    for media_range in (format.media_type, "image/*", "*/*"):  # the most specific one counts
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
