"""The WSGI entry point; ``flask`` finds the application here too."""

from portal.app import create_app

app = create_app()
