"""pix2pix between two folders of partners, and the game that restoration plays as well."""
