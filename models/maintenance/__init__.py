"""Backup, restore and verification of everything that is stored."""
