"""The page for people: a few files, of which nothing comes from elsewhere."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_FOLDER = Path(__file__).with_name("page")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    # Pictures are shown from the browser's own memory.
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install_front_page(app: FastAPI) -> None:
    """Let `app` answer / and what that page consists of; nobody needs a key for them."""
    app.mount("/page", StaticFiles(directory=_FOLDER))

    @app.get("/", include_in_schema=False)
    async def front_page() -> FileResponse:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return FileResponse(_FOLDER / "index.html", headers=headers)
