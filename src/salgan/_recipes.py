"""The recipes that come with salgan: where they lie, and what each says of itself. Nothing is parsed here."""

from __future__ import annotations

from pathlib import Path

__all__ = ["recipe_files", "title"]

_FOLDER = Path(__file__).with_name("recipes")


def recipe_files() -> dict[str, Path]:
    """Every recipe's file, by its name."""
    return {file.stem: file for file in sorted(_FOLDER.glob("*.yaml"))}


def title(recipe: Path) -> str:
    """The first sentence of the comment that a recipe begins with."""
    words: list[str] = []
    for line in recipe.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or not text:
            break
        words += text.split()
    sentence: list[str] = []
    for word in words:
        sentence.append(word)
        if word.endswith((".", ":", ";")) and not word.endswith("al."):
            break
    return " ".join(sentence).rstrip(".:;")
