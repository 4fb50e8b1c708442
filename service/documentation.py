"""The OpenAPI schema for people: Swagger UI, of which nothing comes from elsewhere."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = "/docs/assets"


def install_documentation(app: FastAPI) -> None:
    """Let `app` answer /docs and what that page consists of."""
    # The package is used for its files alone; its code is not imported.
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]))
    page, policy = _page(app.title)

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})


def _page(title: str) -> tuple[bytes, str]:
    # Relative, for a proxy that puts the service below a path of its own.
    assets = _ASSETS.removeprefix("/")
    html = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url=f"{assets}/swagger-ui-bundle.js",
        swagger_css_url=f"{assets}/swagger-ui.css",
        swagger_favicon_url=f"{assets}/favicon-32x32.png",
    )
    page = bytes(html.body)
    [script] = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script).digest()).decode()
    return page, (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; connect-src 'self'; "
        # Swagger UI writes styles into its elements, and shows pictures that it was answered.
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'"
    )
