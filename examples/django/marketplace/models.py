"""The marketplace's own data."""

from django.db import models


class Order(models.Model):
    """What a buyer asks the sellers for."""

    buyer = models.EmailField()
    subject = models.CharField(max_length=200)
    placed_at = models.DateTimeField(auto_now_add=True)
