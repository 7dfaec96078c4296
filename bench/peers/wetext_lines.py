"""wetext's inverse normalisation of a JSON list of English texts on stdin, as a JSON list on stdout.

Runs in the environment of requirements/rivals.txt.
"""

import json
import sys

from wetext import Normalizer

normalizer = Normalizer(lang="en", operator="itn")
json.dump([normalizer.normalize(text) if text.strip() else text for text in json.load(sys.stdin)], sys.stdout)
