package game

default allow = false

allow {
	input.user.role == "player"
	input.game.status == "active"
}
