"""Words for keywords, which clients fetch in their person's language ("printer-strings-uri", PWG 5100.13)."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

# English first: it is what a client gets whose language is not here.
LANGUAGES = ("en", "fr")

# Attribute or "attribute.value", in English and in French.
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "copies": ("Copies", "Copies"),
        "finishings": ("Finishing", "Finition"),
        "finishings.3": ("None", "Aucune"),
        "finishings.4": ("Staple", "Agrafage"),
        "finishings.5": ("Punch", "Perforation"),
        "job-hold-until": ("Hold", "Retenir"),
        "job-hold-until.indefinite": ("Until released", "Jusqu'à la libération"),
        "job-hold-until.no-hold": ("No longer than needed", "Pas plus que nécessaire"),
        "job-password": ("PIN", "Code PIN"),
        "job-release-action": ("Release", "Libération"),
        "job-release-action.job-password": ("With a PIN", "Avec un code PIN"),
        "job-release-action.none": ("At once", "Immédiate"),
        "job-release-action.owner-authorized": (
            "When its owner has signed in",
            "Quand son propriétaire s'est identifié",
        ),
        "job-state-reasons.job-held-for-authorization": (
            "Waits until somebody has signed in as its owner.",
            "En attente de l'identification de son propriétaire.",
        ),
        "job-state-reasons.job-held-for-release": (
            "Waits until its owner releases it.",
            "En attente de libération par son propriétaire.",
        ),
        "job-state-reasons.job-held-for-review": (
            "Waits until somebody approves it.",
            "En attente d'approbation.",
        ),
        "job-state-reasons.job-password-wait": ("Waits for its PIN.", "En attente de son code PIN."),
        "media": ("Paper", "Papier"),
        "media-source": ("Tray", "Bac"),
        "media-source.auto": ("Any tray", "N'importe quel bac"),
        "media-type": ("Paper type", "Type de papier"),
        "media-type.auto": ("Any", "Au choix"),
        "media-type.stationery": ("Plain paper", "Papier ordinaire"),
        "output-bin": ("Output tray", "Bac de sortie"),
        "output-bin.auto": ("Any", "Au choix"),
        "print-color-mode": ("Colour", "Couleur"),
        "print-color-mode.auto": ("As in the document", "Comme dans le document"),
        "print-color-mode.color": ("Colour", "Couleur"),
        "print-color-mode.monochrome": ("Black and white", "Noir et blanc"),
        "print-quality": ("Quality", "Qualité"),
        "print-quality.3": ("Draft", "Brouillon"),
        "print-quality.4": ("Normal", "Normale"),
        "print-quality.5": ("High", "Élevée"),
        "sides": ("Two-sided", "Recto verso"),
        "sides.one-sided": ("Off", "Non"),
        "sides.two-sided-long-edge": ("Long edge", "Bord long"),
        "sides.two-sided-short-edge": ("Short edge", "Bord court"),
    }
)


@cache
def strings_file(language: str) -> bytes:
    """Return the words in a language of `LANGUAGES`, in the strings format that CUPS and macOS read."""
    column = LANGUAGES.index(language)
    lines = [f'"{key}" = "{words[column]}";' for key, words in sorted(_WORDS.items())]
    return "\n".join((f"/* spoold, {language} */", *lines, "")).encode()
