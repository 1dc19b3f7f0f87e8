-- What the scripts that audit share; it stands behind the prelude.

-- auditor collects what is wrong, and makes it right if that is asked for.
local function auditor(repair)
  local found = {list = {}, repair = repair}

  function found.wrong(check)
    found.list[#found.list + 1] = check
    return repair
  end

  -- entry: a sorted set has it at a score, or, if that is false, does not have it.
  function found.entry(check, key, entry, score)
    local stored = redis.call('ZSCORE', key, entry)
    if score and not (stored and tonumber(stored) == score) then
      if found.wrong(check) then
        redis.call('ZADD', key, string.format('%.0f', score), entry)
      end
    elseif stored and not score then
      if found.wrong(check) then
        redis.call('ZREM', key, entry)
      end
    end
  end

  -- member: a set has it or not.
  function found.member(check, key, entry, wanted)
    if (redis.call('SISMEMBER', key, entry) == 1) ~= wanted and found.wrong(check) then
      redis.call(wanted and 'SADD' or 'SREM', key, entry)
    end
  end

  -- waiting: an entry waits in its share, which counts as one in which something waits.
  function found.waiting(waiting, waitingShares, activeShares, share, entry, score)
    found.entry('waiting', waiting, entry, score)
    found.member('shares', waitingShares, share, true)
    found.member('shares', activeShares, share, true)
  end

  return found
end
