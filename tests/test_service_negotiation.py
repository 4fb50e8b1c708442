import pytest

from service.errors import NotAcceptable
from service.formats import PictureFormat
from service.negotiation import choose_format

JPEG, PNG, WEBP = PictureFormat.JPEG, PictureFormat.PNG, PictureFormat.WEBP
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ([], JPEG),
        ([""], JPEG),
        (["*/*"], JPEG),
        (["image/*"], JPEG),
        (["image/png"], PNG),
        (["IMAGE/PNG"], PNG),
        (["image/webp", "image/png;q=0.5"], WEBP),
        (["image/png;q=0.5, image/webp;q=0.6"], WEBP),
        (["image/png ; Q=0.5 , image/webp ; q=0.4"], PNG),
        (["image/jpeg;q=0.1, image/*;q=0.9"], WEBP),  # the exact range counts for JPEG
        (["image/jpeg;q=0, */*"], WEBP),
        (["image/jpeg;q=0, image/webp;q=0, */*;q=0.1"], PNG),
        (["application/json, */*;q=0.1"], JPEG),
        (["image/avif, image/png;q=nonsense, image/webp;q=0.2"], WEBP),
        (["image/png;q=7, image/jpeg;q=0.9"], PNG),
        ([CHROME], JPEG),
    ],
)
def test_the_client_gets_what_it_likes_best(accept, expected):
    assert choose_format(accept) == expected


@pytest.mark.parametrize(
    "accept", ["application/json", "image/avif", "text/*", "*/*;q=0", "image/*;q=0.0"]
)
def test_what_cannot_be_made_is_refused(accept):
    with pytest.raises(NotAcceptable, match="image/jpeg, image/webp, image/png"):
        choose_format([accept])
