"""The demo world: a company, its people, its customers, its campaigns, and an Internet that receives the mail.

people      who may log in, and as what
customers   the data warehouse: 100,000 customers, made by seeded code (places: where they live, their names)
plans       audiences and campaigns, as data; autumn_sale/ is the message
seed        puts all of it into the database, once
receiver/   a real SMTP server that plays the Internet, and its inbox (plain Python, a process of its own)

Nothing here is part of the product: a deployment without the demo never runs it.
"""
