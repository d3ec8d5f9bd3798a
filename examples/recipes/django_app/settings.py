"""As little as Django needs."""

from __future__ import annotations

SECRET_KEY = "a recipe has no secrets"  # noqa: S105
ALLOWED_HOSTS = ["localhost"]
INSTALLED_APPS = ["recipes.django_app"]
ROOT_URLCONF = "recipes.django_app.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "orders.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
TIME_ZONE = "UTC"
USE_TZ = True
