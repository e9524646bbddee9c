"""Writes decimal.json: what Python's decimal module makes of these operands, in its default context (28 digits, half to
even). Operands are text for Decimal(text), or doubles by their bits in hexadecimal for Decimal(double). A result is the
printed number, or the name of the signal. Run in this folder: python3 decimal_vectors.py"""

import json
import random
import struct
from decimal import Context, Decimal, DecimalException

context = Context()
assert context.prec == 28
draw = random.Random(1620)


def double(value):
    return "0x%016x" % struct.unpack(">Q", struct.pack(">d", value))[0]


def operand(text):
    if text.startswith("0x"):
        return Decimal(struct.unpack(">d", struct.pack(">Q", int(text, 16)))[0])
    return Decimal(text)


def result(operation, *operands):
    try:
        return str(operation(*map(operand, operands)))
    except DecimalException as signal:
        return "!" + type(signal).__name__


def decimal(max_digits, spread):
    n = draw.randint(1, max_digits)
    digits = draw.randint(0, 10**n - 1) * 10 ** draw.choice([0, 0, 0, draw.randint(0, max_digits - n)])
    return str(Decimal((draw.randint(0, 1), tuple(map(int, str(digits))), draw.randint(-spread, spread))))


def tie():
    """A number of 29 digits that ends in 5, or next to one."""
    n = draw.randint(10**27, 10**28 - 1)
    return str(Decimal((0, tuple(map(int, str(n) + "5")), draw.randint(-30, 30)))) + draw.choice(["", "", "0", "1"][:1])


def any_double():
    kind = draw.randint(0, 4)
    if kind == 0:
        return double(draw.random())
    if kind == 1:
        return double(draw.uniform(-1e6, 1e6))
    if kind == 2:
        return double(draw.random() * 10.0 ** draw.randint(-40, 40))
    if kind == 3:
        return double(float(draw.randint(-10, 10)))
    bits = draw.getrandbits(64)
    return "0x%016x" % bits if (bits >> 52) & 0x7FF != 0x7FF else double(0.1)


EDGES = [
    "0", "-0", "0.00", "-0E+5", "0E-40", "1", "1.0", "1.00", "-1", "10", "1E+1", "2", "4", "100", "1E+2", "3", "0.5", "5",
    "9999999999999999999999999999", "99999999999999999999999999995", "99999999999999999999999999985", "1E-28", "1E+28",
    "1E-50", "1E+50", "-1E-50", "1E+999999", "9.999999999999999999999999999E+999999", "1E-999999", "1E-1000026",
    "3E-1000026", "0.1000000000000000055511151231257827021181583404541015625", "0.000001", "0.0000001", "1.5E-7", "625",
    "12345678901234567890123456789012345678", "123456789012345678901234567890123456789012345678901234567890",
    "1" + "0" * 26 + "15" + "0" * 48, "1" + "0" * 26 + "25" + "0" * 48, "1" + "0" * 26 + "25" + "0" * 47 + "1",
    double(0.1), double(0.01), double(1e22), double(1e300), double(5e-324), double(2.0**-1074 * 3), double(1.7e308),
    double(-0.0), double(2.0**200), double(2.0**-200), double(1e-18), double(1e23),
]
pool = lambda: draw.choice([lambda: decimal(28, 30), lambda: decimal(28, 3), lambda: decimal(38, 50), tie, any_double,
                            lambda: decimal(28, 5), lambda: draw.choice(EDGES), lambda: decimal(5, 4)])()

BINARY = {"add": context.add, "sub": context.subtract, "mul": context.multiply, "div": context.divide}
UNARY = {"sqrt": context.sqrt, "neg": context.minus}


def sign(x, y):
    return str(int(context.compare(x, y)))


vectors = []
pairs = [(x, y) for x in EDGES for y in EDGES] + [(pool(), pool()) for _ in range(1200)]
near = []
for _ in range(150):
    x = decimal(28, 10)
    near.append((x, str(context.minus(context.multiply(Decimal(x), Decimal(draw.choice(["1", "1.000000000000000001"])))))))
for x, y in pairs + near:
    for name, operation in BINARY.items():
        if (x, y) in near or name == draw.choice(list(BINARY)) or (x in EDGES and y in EDGES and draw.random() < 0.15):
            vectors.append([name, x, y, result(operation, x, y)])
    if draw.random() < 0.2:
        vectors.append(["cmp", x, y, sign(operand(x), operand(y))])
singles = EDGES + [pool() for _ in range(400)]
singles += [str(context.multiply(Decimal(n), Decimal(n))) for n in (draw.randint(1, 10**14) for _ in range(100))]
for x in singles:
    vectors.append(["str", x, "", str(operand(x))])
    for name, operation in UNARY.items():
        vectors.append([name, x, "", result(operation, x)])
with open("decimal.json", "w") as file:
    file.write("[\n" + ",\n".join(map(json.dumps, vectors)) + "\n]\n")
