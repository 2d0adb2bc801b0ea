"""Reload on SIGHUP: the new file is checked first, and the old one stays in force if it has a mistake."""

from pathlib import Path

import structlog

from spoold.app.parts import Parts
from spoold.app.site import build_site
from spoold.config.reload import Reload, reload
from spoold.model.errors import ConfigurationError
from spoold.runtime.systemd import Notifier

log = structlog.get_logger()


class Reloader:
    """Swaps the site in force."""

    def __init__(self, path: Path, parts: Parts, notifier: Notifier) -> None:
        self._path = path
        self._parts = parts
        self._notifier = notifier

    def reload(self) -> bool:
        """Put the file into force if it is right; returns whether it is."""
        self._notifier.reloading()
        try:
            fresh = reload(self._path, self._parts.config)
        except ConfigurationError as error:
            log.error("reload-refused", error=str(error))
            self._notifier.ready("the new configuration has mistakes; the old one stays in force")
            return False
        self._apply(fresh)
        self._notifier.ready("configuration reloaded")
        return True

    def _apply(self, fresh: Reload) -> None:
        parts = self._parts
        parts.site.current = build_site(fresh.config, parts.limits)
        parts.config = fresh.config
        try:
            parts.tls.reload()
        except ConfigurationError as error:
            log.error("certificate-not-reloaded", error=error.public)
        for tell in parts.on_reload:
            tell()
        log.info("reloaded", changed=list(fresh.changed), needs_restart=list(fresh.needs_restart))
