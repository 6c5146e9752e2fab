"""From the Audience's rows to the records of a Job: what is kept, what is dropped and why, who is there twice."""
