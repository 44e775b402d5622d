"""Abbreviations of regions that are neither ISO nor GeoNames codes."""

_TRADITIONAL_US = {
    "AL": "Ala", "AR": "Ark", "AZ": "Ariz", "CA": "Calif", "CO": "Colo", "CT": "Conn", "DE": "Del", "FL": "Fla",
    "IL": "Ill", "IN": "Ind", "KS": "Kan", "MA": "Mass", "MI": "Mich", "MN": "Minn", "MS": "Miss", "MT": "Mont",
    "NE": "Neb", "NV": "Nev", "NM": "N Mex", "ND": "N Dak", "OK": "Okla", "OR": "Ore", "PA": "Penn", "SD": "S Dak",
    "TN": "Tenn", "TX": "Tex", "VT": "Vt", "WA": "Wash", "WV": "W Va", "WI": "Wis", "WY": "Wyo",
}  # fmt: skip
"""Source: the Associated Press Stylebook."""

ABBREVIATIONS: dict[tuple[str, str], list[str]] = {
    ("US", "DC"): ["D.C.", "D C"],
    ("CA", "02"): ["B.C."],
    ("CA", "10"): ["Que", "P.Q."],
    ("CA", "08"): ["Ont"],
    ("DE", "07"): ["NRW"],
    ("AU", "02"): ["N.S.W."],
    ("GB", "NIR"): ["N. Ireland", "NI"],
    **{("US", code): [name] for code, name in _TRADITIONAL_US.items()},
}
"""Region -> its abbreviations."""
