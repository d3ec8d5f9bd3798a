"""What is stored."""

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """An order, and whether its customer knows."""

    item = models.CharField(max_length=100)
    is_confirmed = models.BooleanField(default=False)

    def __str__(self) -> str:
        """Show it as people name it."""
        return f"order {self.pk}: {self.item}"
