"""Takes in mails that came back: what they say is read, matched to a message of ours, and recorded."""
