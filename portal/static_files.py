"""How static files are named on a server: each carries its content's hash and is kept for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Our own modules import each other by their hashed names. Django's switch for this reads the
    modules of every package too, and one of them names in a comment what is not there."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            (
                (
                    r"""(?P<matched>import(?P<import>\s*\{[^}]*\}\s*)from\s*["'](?P<url>\./.*?)["'];)""",
                    """import%(import)sfrom "%(url)s";""",
                ),
            ),
        ),
    )
