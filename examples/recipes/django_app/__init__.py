"""Django: publish in a transaction, post after it.

Run it in the folder `examples`:

    export DJANGO_SETTINGS_MODULE=recipes.django_app.settings
    python -m django migrate --run-syncdb
    python -m django runserver
"""
