#!/bin/sh
# A fleet for tests. Its state is the folder that it is called from, through a symbolic link: an instance is a file in
# instances/, named by its id, holding its record; stock-TYPE, if it exists, is how many more instances of the type may be
# launched; with a file named daemon, a launch leaves a process behind that keeps stdout open, as a kubelet may, and
# notes there which.
set -eu
state=$(dirname "$0")
field() { printf '%s' "$1" | sed -n 's/.*"'"$2"'":"\([^"]*\)".*/\1/p'; }
request=$(cat)
mkdir -p "$state/instances"
case $1 in
instance-types)
	names=$(printf '%s' "$request" | sed 's/.*\[\(.*\)\].*/\1/; s/"//g; s/,/ /g')
	separator=
	printf '{"instanceTypes":['
	for name in $names; do
		case $name in
		c5.large) shape='"vcpus":2,"memoryMiB":4096,"maxPods":29,"allocatable":{"cpuMillis":2000,"memoryMiB":3800}' ;;
		m5.xlarge) shape='"vcpus":4,"memoryMiB":16384,"maxPods":58' ;;
		*) echo "no such instance type: $name" >&2; exit 1 ;;
		esac
		printf '%s{"name":"%s",%s,"gpus":0,"architecture":"amd64"}' "$separator" "$name" "$shape"
		separator=,
	done
	printf ']}\n'
	;;
launch)
	token=$(field "$request" token)
	type=$(field "$request" instanceType)
	id=i-$(printf '%s' "$token" | sha256sum | cut -c1-17)
	exec 9>"$state/lock"
	flock 9
	if [ ! -e "$state/instances/$id" ]; then
		stock=$state/stock-$type
		if [ -e "$stock" ]; then
			left=$(cat "$stock")
			if [ "$left" -eq 0 ]; then
				echo "this line is not the message" >&2
				echo "the rack is full" >&2
				exit 75
			fi
			echo $((left - 1)) >"$stock"
		fi
		printf '{"instanceId":"%s","providerId":"muster:///test/%s","nodeGroup":"%s","computeEnvironmentUuid":"%s","instanceType":"%s","token":"%s","state":"pending"}' \
			"$id" "$id" "$(field "$request" nodeGroup)" "$(field "$request" computeEnvironmentUuid)" "$type" "$token" >"$state/instances/$id"
	fi
	if [ -e "$state/daemon" ]; then
		sleep 600 &
		echo $! >"$state/daemon"
	fi
	printf '{"instanceId":"%s","providerId":"muster:///test/%s"}\n' "$id" "$id"
	;;
list)
	separator=
	printf '{"instances":['
	for file in "$state"/instances/*; do
		record=$(cat "$file" 2>/dev/null) || continue # none, or one that ended just now
		printf '%s%s' "$separator" "$record"
		separator=,
	done
	printf ']}\n'
	;;
terminate)
	for id in $(printf '%s' "$request" | sed 's/.*\[\(.*\)\].*/\1/; s/"//g; s/,/ /g'); do
		rm -f "$state/instances/$id"
	done
	;;
*)
	echo "unknown verb: $1" >&2
	exit 64
	;;
esac
