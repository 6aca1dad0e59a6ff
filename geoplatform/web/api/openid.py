"""Signing in by an OpenID Connect provider that the operator named, such as FranceConnect. To its addresses, and to nobody else's.

The authorization code flow with state, nonce and PKCE; what one browser has begun lies in a cookie of its own for ten minutes.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from flask import Blueprint, Response, make_response, redirect, request, url_for
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from geoplatform.errors import FetchFailed, NotAuthorised, Unknown
from geoplatform.reading import Reading
from geoplatform.refusals import Refusal
from geoplatform.store.citizens import accounts
from geoplatform.web import context, language
from geoplatform.web.api import caller, session
from geoplatform.web.cookies import OPENID
from geoplatform.web.limits import counted

blueprint = Blueprint("openid", __name__)

_PATH = "/session/openid"
_TIMEOUT_S, _KNOWN_S, _LEEWAY_S = 10, 3600, 60
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_MOST_BYTES = 1 << 20


@blueprint.get(_PATH)
@counted("mail")
def begin() -> Response:
    """Lead to the provider. 404 where the operator named none."""
    settings = context.settings()
    provider = _provider()
    verifier, nonce = caller.new_secret() + caller.new_secret(), caller.new_secret()
    more = {"acr_values": settings.oidc_acr} if settings.oidc_acr else {}
    with _client() as client:
        address, state = client.create_authorization_url(
            provider["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more
        )
    response = make_response(redirect(address, 302))
    OPENID.keep(response, json.dumps([state, nonce, verifier]))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get(f"{_PATH}/callback")
@counted("submit")
def follow() -> Response:
    """Where the provider leads back to: sign in whom it vouches for. 401 for what this browser did not begin, or it denies."""
    state, nonce, verifier = _begun()
    if not hmac.compare_digest(
        *(text.encode("utf-8", "surrogatepass") for text in (request.args.get("state", ""), state))
    ):
        raise NotAuthorised(Refusal("not_begun_here"))
    if "code" not in request.args:
        raise NotAuthorised(Refusal("not_vouched_for"))
    claims = _claims(request.args["code"], nonce, verifier)
    beginning, cookie = session.beginning()
    issuer, spoken, now = claims["iss"], language.chosen(), context.now()
    begun = context.write(
        lambda connection: accounts.use_identity(
            connection, issuer, claims["sub"], _email(claims), spoken, beginning, now
        )
    )
    response = session.going_on(begun, cookie)
    OPENID.drop(response)
    return response


def _begun() -> tuple[str, str, str]:
    try:
        state, nonce, verifier = json.loads(OPENID.read())
        return str(state), str(nonce), str(verifier)
    except (ValueError, TypeError):
        raise NotAuthorised(Refusal("begun_long_ago")) from None


def _claims(code: str, nonce: str, verifier: str) -> dict[str, Any]:
    """What the provider says of whom it signed in, in a token signed for us and for this sign-in; with what it tells beside."""
    provider, settings = _provider(), context.settings()
    try:
        with _client() as client:
            told = client.fetch_token(provider["token_endpoint"], code=code, code_verifier=verifier, timeout=_TIMEOUT_S)
        keys = KeySet.import_key_set(_fetched(provider["jwks_uri"]))
        token = jwt.decode(str(told.get("id_token", "")), keys, algorithms=_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": provider["issuer"]},
            aud={"essential": True, "value": str(settings.oidc_client_id)},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        if settings.oidc_acr and token.claims.get("acr") != settings.oidc_acr:
            raise ValueError("a lower assurance")
        beside = _user(provider, str(told.get("access_token", "")), keys)
    except (JoseError, AuthlibBaseError, ValueError) as error:
        raise NotAuthorised(Refusal("not_vouched_for_by", why=type(error).__name__)) from error
    except requests.RequestException as error:
        raise FetchFailed(f"the provider does not answer: {type(error).__name__}", source=provider["issuer"]) from error
    claims = dict(token.claims)
    same = beside.get("sub") == claims["sub"]
    return {**(beside if same else {}), **claims}


def _user(provider: dict[str, Any], token: str, keys: KeySet) -> dict[str, Any]:
    """What the provider tells beside the token: JSON, or, as FranceConnect does, a token of its own."""
    if "userinfo_endpoint" not in provider:
        return {}
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(provider["userinfo_endpoint"], headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    if answer.headers.get("Content-Type", "").startswith("application/jwt"):
        return dict(jwt.decode(answer.text, keys, algorithms=_ALGORITHMS).claims)
    told = answer.json()
    return told if isinstance(told, dict) else {}


def _email(claims: dict[str, Any]) -> str | None:
    """The address, if the provider has verified it: somebody else's would be an entrance to his account."""
    if claims.get("email_verified") is not True:
        return None
    said = Reading(claims)
    email = said.email("email")
    return None if said.problems else email


def _client() -> OAuth2Session:
    settings = context.settings()
    return OAuth2Session(
        settings.oidc_client_id,
        settings.oidc_client_secret,
        scope="openid email",
        redirect_uri=context.own_address(url_for("openid.follow")),
        code_challenge_method="S256",
    )


def _provider() -> dict[str, Any]:
    """What the provider says of itself (OpenID Connect Discovery), remembered for an hour. Unknown where none is named."""
    issuer = context.settings().oidc_issuer
    if issuer is None:
        raise Unknown("provider", "OpenID Connect")

    def ask() -> dict[str, Any]:
        try:
            told = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        except (requests.RequestException, ValueError) as error:
            raise FetchFailed(f"the provider does not answer: {type(error).__name__}", source=issuer) from error
        if told.get("issuer") != issuer:
            raise FetchFailed("the provider calls itself otherwise", source=issuer)
        return dict(told)

    return context.remembered("openid", _KNOWN_S, ask)


def _fetched(address: str) -> Any:
    answer = requests.get(address, timeout=_TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    if len(answer.content) > _MOST_BYTES:
        raise ValueError("too large")
    return answer.json()
