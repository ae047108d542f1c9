// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.eclipse.ui.AbstractSourceProvider;
import org.eclipse.ui.ISources;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.commands.ICommandService;
import org.eclipse.ui.services.ISourceProviderService;
import org.snapback.core.Session;
import org.snapback.core.SessionKind;

/** What the target session allows now, as variables for the expressions of plugin.xml: each true or false. */
public final class SessionVariables extends AbstractSourceProvider {

    public static final String HAS_SESSION = "org.snapback.ui.hasSession";
    public static final String CAN_TAKE = "org.snapback.ui.canTake";
    public static final String CAN_REWIND = "org.snapback.ui.canRewind";
    public static final String CAN_AUTO = "org.snapback.ui.canAuto";

    private static final Map<String, Predicate<Session>> VARIABLES = Map.of(
            HAS_SESSION, Session::isOpen,
            CAN_TAKE, session -> session.state().hasProgram(),
            CAN_REWIND, session -> !session.snapshots().isEmpty(),
            CAN_AUTO, session -> session.isOpen() && session.kind() == SessionKind.DEBUGGER);

    private Map<String, Object> values = values(null);

    static void follow(TargetSession target) {
        ISourceProviderService service = PlatformUI.getWorkbench().getService(ISourceProviderService.class);
        if (service.getSourceProvider(HAS_SESSION) instanceof SessionVariables variables) {
            target.addListener(() -> variables.update(target.session().orElse(null)));
        }
    }

    private static Map<String, Object> values(Session session) {
        Map<String, Object> values = new LinkedHashMap<>();
        VARIABLES.forEach((name, allows) -> values.put(name, session != null && allows.test(session)));
        return values;
    }

    private void update(Session session) {
        Map<String, Object> now = values(session);
        if (!now.equals(values)) {
            values = now;
            fireSourceChanged(ISources.WORKBENCH, now);
        }
        PlatformUI.getWorkbench().getService(ICommandService.class).refreshElements(SessionCommands.AUTO, null);
    }

    @Override
    public Map<String, Object> getCurrentState() {
        return values;
    }

    @Override
    public String[] getProvidedSourceNames() {
        return VARIABLES.keySet().toArray(String[]::new);
    }

    @Override
    public void dispose() {
        // holds nothing
    }
}
