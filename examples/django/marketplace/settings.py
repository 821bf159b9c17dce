"""The least that Django needs: one application and the database of DATABASE_URL."""

import os
from urllib.parse import parse_qs, unquote, urlsplit

_url = urlsplit(os.environ["DATABASE_URL"])
_query = parse_qs(_url.query)

SECRET_KEY = "only-for-the-example"
USE_TZ = True
INSTALLED_APPS = ["marketplace"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_url.path.lstrip("/")),
        "USER": unquote(_url.username or ""),
        "PASSWORD": unquote(_url.password or ""),
        "HOST": _query.get("host", [unquote(_url.hostname or "")])[0],
        "PORT": str(_query.get("port", [_url.port or ""])[0]),
    }
}
