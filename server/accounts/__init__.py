"""Who somebody is: guests by a signed token, accounts and staff by Django's login."""
