"""Place an order and tell the buyer, both or neither."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from marketplace.models import Order
from marketplace.postrider import enqueue


class Command(BaseCommand):
    """`place_order BUYER SUBJECT [--fail]` prints the order, and what Postrider answered, as one line of JSON."""

    help = __doc__

    def add_arguments(self, parser):
        """BUYER, SUBJECT and a way to see the rollback."""
        parser.add_argument("buyer")
        parser.add_argument("subject")
        parser.add_argument("--from", dest="sender", default="orders@example.com")
        parser.add_argument("--fail", action="store_true", help="raise after the enqueue, to see both undone")

    def handle(self, *args, **options):
        """The order and its letter share one transaction."""
        with transaction.atomic():
            order = Order.objects.create(buyer=options["buyer"], subject=options["subject"])
            answer = enqueue(
                {
                    "stream": "transactional",
                    "to": options["buyer"],
                    "from": options["sender"],
                    "subject": f"We received your order: {order.subject}",
                    "text": f"Your order {order.pk} is on its way to the sellers.",
                    "idempotency_key": f"order-placed-{order.pk}",
                }
            )
            if options["fail"]:
                raise CommandError("the business failed after the enqueue: neither order nor letter exist")
        self.stdout.write(json.dumps({"order": order.pk, "letter": answer}))
