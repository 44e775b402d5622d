"""The domains from which e-mails may be sent, besides MAIL_FROM.

domains: operators add a domain, copy its DNS records, and verify it.
dns_records: the records, and looking them up.
signing: the keys of verified domains, with which workers sign.
options: the options of an e-mail, when it is accepted and when it is sent.
"""
