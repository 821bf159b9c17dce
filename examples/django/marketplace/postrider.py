"""Hand letters to Postrider inside the caller's own transaction.

`enqueue` runs on Django's connection, so inside `transaction.atomic()` the letter exists if and only if the
transaction commits. It never raises for a bad letter: the answer says what became of it, and the business decides.
"""

import json

from django.db import connection


def enqueue(letter: dict) -> dict:
    """Enqueue one letter (docs/letter.md) and return its answer: `{"status": "accepted", "id": ...}` and so on."""
    with connection.cursor() as cursor:
        cursor.execute("select postrider.enqueue(%s::text)", [json.dumps(letter)])
        (answer,) = cursor.fetchone()
    return json.loads(answer) if isinstance(answer, str) else answer
