package gaming

default allow = false

allow {
	input.user.role == "player"
	input.game.status == "waiting"
	input.game.player_count < 10
}
