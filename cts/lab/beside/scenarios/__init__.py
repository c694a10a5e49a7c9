"""All scenarios, by subject."""

from . import by_hand, commands, files, health, process, services

SCENARIOS = [scenario for subject in (health, by_hand, files, process, commands, services) for scenario in subject.SCENARIOS]
