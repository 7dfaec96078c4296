"""Units of measurement and their symbols (https://developers.deepgram.com/docs/measurements). Pure."""

from ringback.features.passage import Passage

_NAMES = {
    "mg": "milligram milligramme",
    "mcg": "microgram mcg",
    "g": "gram gramme",
    "kg": "kilogram kilogramme kilo",
    "mL": "milliliter millilitre",
    "cL": "centiliter centilitre",
    "L": "liter litre",
    "mm": "millimeter millimetre",
    "cm": "centimeter centimetre",
    "m": "meter metre",
    "km": "kilometer kilometre",
    "ft": "foot feet",
    "yd": "yard",
    "mi": "mile",
    "lb": "pound lb",
    "oz": "ounce",
    "gal": "gallon",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "W": "watt",
    "kW": "kilowatt",
    "MW": "megawatt",
    "kWh": "kilowatthour",
    "V": "volt",
    "kV": "kilovolt",
    "A": "amp ampere",
    "mA": "milliamp milliampere",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "qt": "quart",
    "nm": "nanometer nanometre",
    "ms": "millisecond",
    "kB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "dB": "decibel",
    "J": "joule",
    "kJ": "kilojoule",
    "N": "newton",
    "Pa": "pascal",
    "cal": "calorie",
    "kcal": "kilocalorie",
    "in": "inch inches",
    "ha": "hectare",
    "mph": "mph",
}
_SYMBOLS = {
    form: symbol
    for symbol, names in _NAMES.items()
    for name in names.split()
    for form in ((name,) if name.endswith(("feet", "inches", "foot", "hertz", "mph")) else (name, name + "s"))
}
_PHRASES = {
    ("degrees", "celsius"): "°C",
    ("degrees", "centigrade"): "°C",
    ("degrees", "fahrenheit"): "°F",
    ("degree", "celsius"): "°C",
    ("degree", "fahrenheit"): "°F",
    ("miles", "per", "hour"): "mph",
    ("miles", "an", "hour"): "mph",
    ("mile", "an", "hour"): "mph",
    ("kilometers", "per", "hour"): "km/h",
    ("kilometres", "per", "hour"): "km/h",
    ("kilometers", "an", "hour"): "km/h",
    ("kilometres", "an", "hour"): "km/h",
    ("meters", "per", "second"): "m/s",
    ("metres", "per", "second"): "m/s",
    ("kilobits", "per", "second"): "kbps",
    ("megabits", "per", "second"): "Mbps",
    ("gigabits", "per", "second"): "Gbps",
    ("kilobytes", "per", "second"): "kB/s",
    ("megabytes", "per", "second"): "MB/s",
    ("gigabytes", "per", "second"): "GB/s",
    ("feet", "per", "second"): "ft/s",
    ("miles", "per", "gallon"): "mpg",
    ("revolutions", "per", "minute"): "rpm",
    ("beats", "per", "minute"): "bpm",
    ("milligrams", "per", "deciliter"): "mg/dL",
    ("milligrams", "per", "decilitre"): "mg/dL",
    ("milligrams", "per", "kilogram"): "mg/kg",
    ("milligrams", "per", "milliliter"): "mg/mL",
    ("millimeters", "of", "mercury"): "mmHg",
    ("millimetres", "of", "mercury"): "mmHg",
    ("kilowatt", "hours"): "kWh",
    ("kilowatt", "hour"): "kWh",
    ("fluid", "ounces"): "fl oz",
    ("square", "feet"): "sq ft",
    ("square", "meters"): "m²",
    ("square", "metres"): "m²",
    ("square", "miles"): "sq mi",
    ("square", "kilometers"): "km²",
    ("square", "kilometres"): "km²",
    ("square", "inches"): "sq in",
    ("square", "yards"): "sq yd",
    ("square", "centimeters"): "cm²",
    ("cubic", "feet"): "cu ft",
    ("cubic", "inches"): "cu in",
    ("cubic", "centimeters"): "cm³",
    ("cubic", "meters"): "m³",
    ("cubic", "metres"): "m³",
}
_STARTS = frozenset(phrase[0] for phrase in _PHRASES) | frozenset(_SYMBOLS)


def measure_symbol(passage: Passage, i: int) -> tuple[str, int] | None:
    """The symbol of the unit that is named at atom `i`, and where its name ends."""
    if passage.text(i) not in _STARTS:
        return None
    for length in (3, 2):
        phrase = tuple(passage.texts(i, i + length))
        if phrase in _PHRASES and all(passage.follows(i + k) for k in range(1, length)):
            return _PHRASES[phrase], i + length
    symbol = _SYMBOLS.get(passage.text(i))
    return None if symbol is None else (symbol, i + 1)
