// SPDX-License-Identifier: EPL-2.0
package org.snapback.api;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import java.util.Map;

/** The functions of {@code snapback.h}, by their own names. */
interface Functions extends Library {

    int SAVE = 1;

    String snapback_version();

    int snapback_is_controlled();

    int snapback_snapshot(String name, int flags);

    int snapback_disable();

    int snapback_enable();

    int snapback_status(Status status);

    String snapback_last_error();

    static Functions load() {
        return Native.load("libsnapback.so.0", Functions.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
    }

    @FieldOrder({"session", "isDebugged", "disabled", "snapshots", "currentSnapshot", "reserved"})
    final class Status extends Structure {
        public byte[] session = new byte[72];
        public int isDebugged;
        public int disabled;
        public long snapshots;
        public long currentSnapshot;
        public long[] reserved = new long[8];
    }
}
