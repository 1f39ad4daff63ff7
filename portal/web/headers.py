"""What every answer carries: what a browser may load, keep and tell others."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import Config
from portal.theme import CONTENT_SECURITY_POLICY

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_FOR_EVER = "public, max-age=31536000, immutable"


def register(app: Flask) -> None:
    """Set cookies and headers; believe as many proxies as the configuration names."""
    config: Config = app.extensions["portal_config"]
    if config.proxies:
        trusted = config.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted)  # type: ignore[method-assign]
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if config.production else "session",
        SESSION_COOKIE_PATH="/",
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    app.jinja_env.globals["csp_nonce"] = nonce
    strict_transport = "max-age=31536000; includeSubDomains" if config.production else ""

    @app.after_request
    def _add(response: Response) -> Response:
        response.headers.update(_ALWAYS)
        response.headers["Content-Security-Policy"] = _policy()
        response.headers["Cache-Control"] = _caching(response)
        if strict_transport:
            response.headers["Strict-Transport-Security"] = strict_transport
        return response


def nonce() -> str:
    """This answer's nonce, for a page that must have an inline script; most have none."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _policy() -> str:
    own = f"'self' 'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'self'"
    return f"{CONTENT_SECURITY_POLICY}; script-src {own}; style-src 'self'"


def _caching(response: Response) -> str:
    is_static = (request.endpoint or "").rpartition(".")[2] == "static"
    if not is_static or response.status_code >= 400:
        return "no-store"
    return _FOR_EVER if "v" in request.args else "no-cache"
