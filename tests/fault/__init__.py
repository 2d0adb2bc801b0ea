"""Crashes, power cuts and failing disks: what was acknowledged is kept, and nothing prints twice."""
