#!/bin/sh
# Commands that misbehave; the name of the link that it is called by says how.
case $(basename "$0") in
fails) echo boom >&2; exit 3 ;;
fails-silently) exit 1 ;;
replies-nonsense) echo hello ;;
replies-without-id) echo '{"instances":[{}]}' ;;
reads-nothing) exec <&-; echo '{"instances":[]}' ;;
hangs) exec sleep 60 ;;
esac
