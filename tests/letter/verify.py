"""Verifies DKIM signatures with dkimpy. usage: verify.py FOLDER

FOLDER holds records.json ({"selector._domainkey.domain.": "v=DKIM1; ..."}) and *.eml. Every signature of every letter
must verify, and one changed octet must break each of them: a verifier that says yes to everything proves nothing.
"""

import json
import pathlib
import re
import sys

import dkim


def main(folder):
    records = json.loads((folder / "records.json").read_text())

    def dnsfunc(name, timeout=5):
        key = name.decode() if isinstance(name, bytes) else name
        return records[key].encode()

    wrong = []
    checked = 0
    for path in sorted(folder.glob("*.eml")):
        message = path.read_bytes()
        signatures = len(re.findall(rb"^DKIM-Signature:", message.split(b"\r\n\r\n")[0], re.M | re.I))
        if signatures == 0:
            wrong.append(f"{path.name}: no signature")
        spoilt = re.sub(rb"\r\nDate: \w", b"\r\nDate: X", message, count=1)
        for index in range(signatures):
            checked += 1
            try:
                genuine = dkim.DKIM(message).verify(idx=index, dnsfunc=dnsfunc)
            except Exception as trouble:  # the reason goes into the report, whatever it is
                genuine, why = False, repr(trouble)
            else:
                why = "does not verify"
            if not genuine:
                wrong.append(f"{path.name} signature {index}: {why}")
            if dkim.DKIM(spoilt).verify(idx=index, dnsfunc=dnsfunc):
                wrong.append(f"{path.name} signature {index}: verifies after a change")
    print(f"{checked} signatures checked, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong or checked == 0 else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
