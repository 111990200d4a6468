"""The command line: parse what was asked, hand it on, show what came back."""

from thalweg.cli.app import main

__all__ = ["main"]
