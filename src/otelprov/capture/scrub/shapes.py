# SPDX-License-Identifier: Apache-2.0
"""Tokens that are known by their shape, as their issuers document it."""

from __future__ import annotations

# What a text must hold for the pattern to be worth compiling and trying, and the pattern. Start-up of every observed
# program goes through here, and a pattern costs more to compile than a hint to look for.
_B, _E = r"(?<![A-Za-z0-9_-])", r"(?![A-Za-z0-9])"
SHAPES: tuple[tuple[str, str], ...] = (
    ("gh", rf"{_B}gh[pousr]_[A-Za-z0-9]{{20,255}}"),
    ("github_pat_", rf"{_B}github_pat_\w{{20,255}}"),
    ("gl", rf"{_B}gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|sa)[-_][\w.-]{{16,255}}"),
    ("A", rf"{_B}(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}{_E}"),
    ("xox", rf"{_B}xox[abeprso](?:\.xox[bp])?-[\w-]{{10,255}}"),
    ("xapp-", rf"{_B}xapp-[\w-]{{20,255}}"),
    ("hooks.slack.com", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/+-]{20,255}"),
    ("/api/webhooks/", r"(?<=/api/webhooks/)\d{15,22}/[\w-]{40,120}"),
    (
        "sk-",
        rf"{_B}sk-(?:(?:proj|svcacct|admin|or-v1|ant-[a-z]{{3,6}}\d{{0,2}})-[\w-]{{20,255}}|[A-Za-z0-9]{{20,255}})",
    ),
    ("k_", rf"{_B}[sr]k_(?:live|test|prod)_[A-Za-z0-9]{{10,255}}"),
    ("whsec_", rf"{_B}whsec_[A-Za-z0-9+/=]{{16,128}}"),
    ("npm_", rf"{_B}npm_[A-Za-z0-9]{{30,64}}"),
    ("pypi-", rf"{_B}pypi-[\w-]{{40,1024}}"),
    ("AIza", rf"{_B}AIza[\w-]{{30,64}}"),
    ("ya29.", rf"{_B}ya29\.[\w-]{{20,1024}}"),
    ("GOCSPX-", rf"{_B}GOCSPX-[\w-]{{20,64}}"),
    ("1//0", rf"{_B}1//0[\w-]{{30,255}}"),
    ("ey", rf"{_B}ey[JK][\w-]{{8,4096}}+\.[\w-]{{8,8192}}+\.[\w-]{{0,1024}}"),
    ("hf_", rf"{_B}hf_[A-Za-z0-9]{{30,64}}"),
    ("SG.", rf"{_B}SG\.[\w-]{{16,32}}\.[\w-]{{30,64}}"),
    ("SK", rf"{_B}SK[0-9a-f]{{32}}{_E}"),
    ("key-", rf"{_B}key-[0-9a-f]{{32}}{_E}"),
    ("_v1_", rf"{_B}do[opr]_v1_[0-9a-f]{{60,70}}"),
    ("dapi", rf"{_B}dapi[0-9a-f]{{32}}(?:-\d)?{_E}"),
    ("shp", rf"{_B}shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}"),
    ("sq0", rf"{_B}sq0(?:atp|csp|idp)-[\w-]{{20,60}}"),
    (":AA", r"(?<!\d)\d{8,10}:AA[\w-]{32,34}"),
    ("hv", rf"{_B}hv[sbr]\.[\w-]{{20,300}}"),
    ("dckr_", rf"{_B}dckr_(?:pat|oat)_[\w-]{{20,64}}"),
    ("lin_api_", rf"{_B}lin_api_[A-Za-z0-9]{{30,64}}"),
    ("ntn_", rf"{_B}ntn_[A-Za-z0-9]{{30,64}}"),
    ("pscale_", rf"{_B}pscale_(?:tkn|pw|oauth)_[\w.=-]{{30,64}}"),
    ("ATATT", rf"{_B}ATATT3[\w=-]{{30,255}}"),
    ("ATBB", rf"{_B}ATBB[A-Za-z0-9]{{28,40}}"),
    ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{50,64}"),
    ("rubygems_", rf"{_B}rubygems_[0-9a-f]{{48}}"),
    ("NRAK-", rf"{_B}NRAK-[A-Z0-9]{{27}}"),
    ("dp.", rf"{_B}dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{{30,64}}"),
    ("sbp_", rf"{_B}sbp_[0-9a-f]{{40}}"),
    ("PMAK-", rf"{_B}PMAK-[0-9a-f]{{24}}-[0-9a-f]{{34}}"),
    ("sntry", rf"{_B}sntry[su]_[\w+/=-]{{40,255}}"),
    ("Q~", rf"{_B}[\w~.-]{{3}}\dQ~[\w~.-]{{31,34}}"),
    ("$2", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    ("$argon2", r"\$argon2(?:id|i|d)\$[\w$=,+/.-]{20,400}"),
    ("$6$", r"\$6\$[\w$=,./]{40,200}"),
)
