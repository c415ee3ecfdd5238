"""Certificates: the evidence of a verification as exact data, and the independent checker that reads it."""
