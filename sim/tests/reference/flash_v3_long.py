"""Writes flash_v3_long.csv: every 1,000th of 100,000 timesteps of FLASH V3, seed 1, run 1, in Python's decimal module.
It reproduces splitmix64_seed1 of flash_v3.csv and goes on. Run in this folder: python3 flash_v3_long.py"""

import csv
from decimal import Decimal

MASK = 2**64 - 1


def mix(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draw(seed, run, timestep, stream):
    return mix(mix(mix(mix(seed) ^ run) ^ timestep) ^ stream)


def swap(amount, x, y):
    """Sells `amount` of the token that the pool has `x` of; returns what the pool has then."""
    return x + amount, y - (y - x * y / (x + amount))


COLUMNS = "timestep market_apy_draw rand_m_over_2p53 ext_swap_amount ext_swap_input_token int_swap_amount " \
    "int_swap_input_token flash_to_stake ext_alt ext_flash int_alt int_flash staked"
ext_flash = ext_alt = int_flash = int_alt = Decimal(100000)
staked, market_apy, mint_rate = Decimal(0), Decimal(0.01), Decimal(0.1)
known = {row["timestep"]: row for row in csv.DictReader(open("flash_v3.csv")) if row["scenario"] == "splitmix64_seed1"}
n_known = 0
with open("flash_v3_long.csv", "w") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(COLUMNS.split())
    for timestep in range(1, 100001):
        apy = Decimal(10 + draw(1, 1, timestep, 0) % 15) / Decimal(100)
        m = draw(1, 1, timestep, 1) >> 11
        amount = Decimal(m / 2**53 * 100)
        token = "alt" if draw(1, 1, timestep, 2) >> 63 else "flash"
        price = ext_alt / ext_flash
        product = int_alt * int_flash
        target = (product * price).sqrt()
        if int_alt / int_flash > price:
            arb_token, arb = "flash", product / target - int_flash
        else:
            arb_token, arb = "alt", target - int_alt
        stake = (ext_alt / (price - (mint_rate - market_apy)).sqrt() - ext_flash) / mint_rate
        if token == "flash":
            flash, alt = swap(amount, ext_flash, ext_alt)
        else:
            alt, flash = swap(amount, ext_alt, ext_flash)
        ext_flash, ext_alt = swap(stake * mint_rate, flash, alt)
        if arb_token == "flash":
            flash, alt = swap(arb, int_flash, int_alt)
        else:
            alt, flash = swap(arb, int_alt, int_flash)
        int_alt, int_flash = swap(stake, alt, flash)
        staked += stake
        row = [timestep, apy, m, amount, token, arb, arb_token, stake, ext_alt, ext_flash, int_alt, int_flash, staked]
        if str(timestep) in known:
            assert list(map(str, row)) == [known[str(timestep)][name] for name in COLUMNS.split()], timestep
            n_known += 1
        if timestep % 1000 == 0:
            out.writerow(row)
assert n_known == 100
