"""Rooms and streets in linear light: shapes, textures, lights, a ray caster, and the scenes that it draws.

Points, directions and colours are float32 arrays (3, N), lengths are metres, y points up. A scene's light is linear
radiance in arbitrary units: only ratios count, since a photo sets its exposure.
"""
